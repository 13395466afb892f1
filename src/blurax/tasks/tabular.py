"""The small real data sets that scikit-learn carries: at hand without a network."""

from sklearn import datasets

from blurax.tasks.base import ArrayTask, from_arrays


def digits() -> ArrayTask:
    """1,797 handwritten digits of 8x8 pixels, 10 classes."""
    return from_arrays(*datasets.load_digits(return_X_y=True), name="digits")


def wine() -> ArrayTask:
    """178 wines by 13 chemical measurements, 3 cultivars."""
    return from_arrays(*datasets.load_wine(return_X_y=True), name="wine")


def breast_cancer() -> ArrayTask:
    """569 tumours by 30 measurements of their cell nuclei, malignant or benign."""
    return from_arrays(*datasets.load_breast_cancer(return_X_y=True), name="breast-cancer")


def iris() -> ArrayTask:
    """150 irises by 4 measurements, 3 species."""
    return from_arrays(*datasets.load_iris(return_X_y=True), name="iris")
