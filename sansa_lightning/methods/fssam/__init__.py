"""FSSAM (Xu et al., ICML 2025): a pseudo memory of the target, refined and calibrated; imports what methods do."""
