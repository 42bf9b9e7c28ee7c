"""The processes of the Procfile: started together, drained together, nothing left behind."""
