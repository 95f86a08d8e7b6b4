"""One module a theme, one function a program."""
