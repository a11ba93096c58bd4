"""Features on the device: from encoded columns to one vector a row."""
