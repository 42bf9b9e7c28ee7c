"""Dead letters of campaigns and of transactional mail: finding them, deciding, telling that they pile up."""
