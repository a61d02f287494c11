"""Other people's programs, unmodified, against the rehearsal: `make foreign`. README.md has those tried by hand."""
