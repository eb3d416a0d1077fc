"""The rows of the table of cases: a module a subject, lists of rows in capitals."""
