"""What people see: figures, the HTML report, the claims table."""
