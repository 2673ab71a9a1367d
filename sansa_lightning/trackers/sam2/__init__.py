"""SAM 2 in its published sizes, behind the contract of a tracker."""
