"""What is known of sites while a run learns: a record, a live table, a figure."""
