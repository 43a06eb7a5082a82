"""Understanding a study: curves, laws, payoff points. NumPy and SciPy; never torch, optuna or mlflow."""
