"""`BlurClassifier` and `BlurRegressor`: a genome teaches a network, in scikit-learn's manner.

No gradient of a loss is taken here: a learned rule, or whatever rule the genome holds, changes the
synapses batch by batch. As scikit-learn has it, constructors only store, `fit` validates, and what
is learned ends in `_`.
"""

from blurax.estimator.classifier import BlurClassifier
from blurax.estimator.regressor import BlurRegressor

__all__ = ["BlurClassifier", "BlurRegressor"]
