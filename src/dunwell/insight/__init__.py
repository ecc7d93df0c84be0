"""What is likely: features, scorecards, payment hazards, contactability, roll rates and what drives them."""
