"""What is counted, drawn and noted as events come in, so that no page reads all that ever happened."""
