"""The state of the rehearsed account: resources, calls and alerts in one SQLite file, its identity and its clock."""
