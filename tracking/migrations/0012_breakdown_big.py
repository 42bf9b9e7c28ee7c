"""Values with many leads stand in an index of their own: reports over many campaigns read those alone."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("tracking", "0011_retention")]

    operations = [
        migrations.AddField(
            model_name="breakdown", name="is_big", field=models.BooleanField(db_default=False, default=False)
        ),
        AddIndexConcurrently(
            model_name="breakdown",
            index=models.Index(
                condition=models.Q(is_big=True), fields=["campaign_id", "dimension"], name="breakdown_big"
            ),
        ),
    ]
