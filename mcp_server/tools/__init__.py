"""One function per tool, named in TOOLS."""
