"""What estimators learn from: labelled samples, views of samples, and how often each counts."""
