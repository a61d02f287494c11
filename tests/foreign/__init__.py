"""Third-party programs, unmodified, with the rehearsal: `make foreign`. README.md has those tried by hand."""
