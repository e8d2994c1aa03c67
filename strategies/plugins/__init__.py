"""Discovery of strategies: the files of strategies/, other files and modules, and installed packages."""
