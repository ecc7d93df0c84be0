"""The office's cases: one for each customer in arrears, in the order of the queue, and a customer's whole file read at once."""
