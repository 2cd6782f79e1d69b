"""What a training has to know to go on as if it had never stopped."""
