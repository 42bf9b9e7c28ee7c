from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0014_soft_bounces"),
    ]

    operations = [
        migrations.AddField(
            model_name="provider",
            name="chunking",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="Faster, where the relay offers CHUNKING; elsewhere it changes nothing. When a connection is "
                "lost, up to eight e-mails on it may become unknown instead of one. Switch it off for a relay that "
                "handles it badly.",
                verbose_name="several messages at once",
            ),
        ),
    ]
