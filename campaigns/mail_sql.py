"""The raw SQL of mail domains.

Costs on PostgreSQL 18 and two busy cores: two million leads, half of them in 50,000 domains that the static table does
not know. They grow with the leads that change, not with those that are there.
"""

from __future__ import annotations

# note_staged: domains of an import that the static table does not know. Where one was looked up while the import ran,
# its leads may have come in with the old group: it is asked about again. In order, so that two imports never wait for
# each other in a circle. One pass over the staging table.
NOTE_STAGED = """
INSERT INTO campaigns_maildomain AS known (domain)
SELECT DISTINCT substring(email FROM '[^@]*$') AS domain
  FROM pg_temp.import_staging WHERE mailbox_group = 'other' ORDER BY domain
    ON CONFLICT (domain) DO UPDATE SET checked_at = NULL WHERE known.checked_at >= %(since)s
"""

# note_all: domains of all leads, for installations whose leads are older than this table. Reads every lead: 8 s.
NOTE_ALL = """
INSERT INTO campaigns_maildomain (domain)
SELECT DISTINCT substring(email FROM '[^@]*$') AS domain
  FROM campaigns_lead WHERE mailbox_group = 'other' ORDER BY domain
    ON CONFLICT (domain) DO NOTHING
"""

# save_answers: one row for each domain that was asked about; a failure keeps the group that was known. Cost: 5 ms.
SAVE_ANSWERS = """
UPDATE campaigns_maildomain known
   SET checked_at = now(), error = answer.error,
       mailbox_group = CASE WHEN answer.error = '' THEN answer.mailbox_group ELSE known.mailbox_group END,
       mail_host = CASE WHEN answer.error = '' THEN answer.mail_host ELSE known.mail_host END
  FROM unnest(%(domains)s::text[], %(groups)s::text[], %(hosts)s::text[], %(errors)s::text[])
       AS answer (domain, mailbox_group, mail_host, error)
 WHERE known.domain = answer.domain
"""

# leads_of_domains: those whose group is another one now, by the index lead_email_domain, whose expression stands here
# to the letter. Cost: 0.1 s for 200 domains; without the index 10 s, as every lead is read.
LEADS_OF_DOMAINS = """
SELECT lead.id
  FROM unnest(%(domains)s::text[], %(groups)s::text[]) AS known (domain, mailbox_group)
  JOIN campaigns_lead lead ON substring(lead.email FROM '[^@]*$') = known.domain
 WHERE lead.mailbox_group <> known.mailbox_group
"""

# regroup: leads are locked in order of address, as imports lock them. An address that changed in the meantime is
# left to whoever changed it. Cost: 0.2 ms for each lead, most of it the other indexes.
REGROUP = """
WITH picked AS (
    SELECT id FROM campaigns_lead WHERE id = ANY (%(leads)s) ORDER BY email FOR NO KEY UPDATE
)
UPDATE campaigns_lead lead SET mailbox_group = known.mailbox_group
  FROM picked, unnest(%(domains)s::text[], %(groups)s::text[]) AS known (domain, mailbox_group)
 WHERE lead.id = picked.id AND substring(lead.email FROM '[^@]*$') = known.domain
   AND lead.mailbox_group <> known.mailbox_group
"""
