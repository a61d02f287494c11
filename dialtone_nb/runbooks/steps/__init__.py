"""What runbooks share: how one opens, where it works, what follows a plan, and the files of a phone."""
