"""The bodies of a tower: from its features' vectors to one vector a row."""
