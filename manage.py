#!/usr/bin/env python3
"""Django's command line. `bin/manage` runs it in the project's own environment with the engines up."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
