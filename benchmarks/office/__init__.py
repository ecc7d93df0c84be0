"""The office under load: a million cases, ten million events and the book of as many customers in PostgreSQL, asked over HTTP."""
