"""What the rehearsed account holds: resources, calls and alerts in one SQLite file, its identity and its clock."""
