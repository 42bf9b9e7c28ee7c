"""Which batches stand in the roll-ups. Batches that are there already are rolled up little by little."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("delivery", "0007_provider_state_changed")]

    operations = [
        migrations.AddField(
            model_name="batch",
            name="is_rolled",
            field=models.BooleanField(
                db_default=False, default=False, help_text="Counted in the breakdowns of reports."
            ),
        ),
        AddIndexConcurrently(
            model_name="batch",
            index=models.Index(
                condition=models.Q(kind="first", is_rolled=False), fields=["campaign", "id"], name="batch_unrolled"
            ),
        ),
    ]
