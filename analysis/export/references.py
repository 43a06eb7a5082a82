"""What a study's paper must cite: data, programs, methods; only what the study really used."""

from __future__ import annotations

from analysis.export.facts import StudyFacts
from analysis.export.methods import SAMPLERS, route_keys
from analysis.settings import AnalysisSettings

ENTRIES: dict[str, str] = {
    "akiba2019optuna": """@inproceedings{akiba2019optuna,
  title = {Optuna: A Next-generation Hyperparameter Optimization Framework},
  author = {Akiba, Takuya and Sano, Shotaro and Yanase, Toshihiko and Ohta, Takeru and Koyama,
            Masanori},
  booktitle = {Proceedings of the 25th ACM SIGKDD International Conference on Knowledge Discovery
               and Data Mining},
  pages = {2623--2631},
  year = {2019},
  doi = {10.1145/3292500.3330701},
}""",
    "zaharia2018mlflow": """@article{zaharia2018mlflow,
  title = {Accelerating the Machine Learning Lifecycle with {MLflow}},
  author = {Zaharia, Matei and Chen, Andrew and Davidson, Aaron and Ghodsi, Ali and Hong, Sue Ann
            and Konwinski, Andy and Murching, Siddharth and Nykodym, Tomas and Ogilvie, Paul and
            Parkhe, Mani and Xie, Fen and Zumar, Corey},
  journal = {IEEE Data Engineering Bulletin},
  volume = {41},
  number = {4},
  pages = {39--45},
  year = {2018},
}""",
    "paszke2019pytorch": """@inproceedings{paszke2019pytorch,
  title = {{PyTorch}: An Imperative Style, High-Performance Deep Learning Library},
  author = {Paszke, Adam and Gross, Sam and Massa, Francisco and Lerer, Adam and Bradbury, James and
            Chanan, Gregory and Killeen, Trevor and Lin, Zeming and Gimelshein, Natalia and Antiga,
            Luca and others},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {32},
  year = {2019},
}""",
    "li2025misfitting": """@inproceedings{li2025misfitting,
  title = {(Mis)Fitting: A Survey of Scaling Laws},
  author = {Li, Margaret and Kudugunta, Sneha and Zettlemoyer, Luke},
  booktitle = {International Conference on Learning Representations},
  year = {2025},
  note = {arXiv:2502.18969},
}""",
    "rosenfeld2020constructive": """@inproceedings{rosenfeld2020constructive,
  title = {A Constructive Prediction of the Generalization Error Across Scales},
  author = {Rosenfeld, Jonathan S. and Rosenfeld, Amir and Belinkov, Yonatan and Shavit, Nir},
  booktitle = {International Conference on Learning Representations},
  year = {2020},
}""",
    "rasmussen2006gaussian": """@book{rasmussen2006gaussian,
  title = {Gaussian Processes for Machine Learning},
  author = {Rasmussen, Carl Edward and Williams, Christopher K. I.},
  publisher = {MIT Press},
  year = {2006},
}""",
    "smyth2004linear": """@article{smyth2004linear,
  title = {Linear Models and Empirical {B}ayes Methods for Assessing Differential Expression in
           Microarray Experiments},
  author = {Smyth, Gordon K.},
  journal = {Statistical Applications in Genetics and Molecular Biology},
  volume = {3},
  number = {1},
  year = {2004},
}""",
    "hoffmann2022training": """@inproceedings{hoffmann2022training,
  title = {Training Compute-Optimal Large Language Models},
  author = {Hoffmann, Jordan and Borgeaud, Sebastian and Mensch, Arthur and others},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {35},
  year = {2022},
}""",
    "bousquet2017critical": """@misc{bousquet2017critical,
  title = {Critical Hyper-Parameters: No Random, No Cry},
  author = {Bousquet, Olivier and Gelly, Sylvain and Kurach, Karol and Teytaud, Olivier and Vincent,
            Damien},
  year = {2017},
  note = {arXiv:1706.03200},
}""",
    "bergstra2012random": """@article{bergstra2012random,
  title = {Random Search for Hyper-Parameter Optimization},
  author = {Bergstra, James and Bengio, Yoshua},
  journal = {Journal of Machine Learning Research},
  volume = {13},
  pages = {281--305},
  year = {2012},
}""",
    "bergstra2011algorithms": """@inproceedings{bergstra2011algorithms,
  title = {Algorithms for Hyper-Parameter Optimization},
  author = {Bergstra, James and Bardenet, R{\\'e}mi and Bengio, Yoshua and K{\\'e}gl, Bal{\\'a}zs},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {24},
  year = {2011},
}""",
    "loshchilov2019decoupled": """@inproceedings{loshchilov2019decoupled,
  title = {Decoupled Weight Decay Regularization},
  author = {Loshchilov, Ilya and Hutter, Frank},
  booktitle = {International Conference on Learning Representations},
  year = {2019},
}""",
    "han2015learning": """@inproceedings{han2015learning,
  title = {Learning both Weights and Connections for Efficient Neural Networks},
  author = {Han, Song and Pool, Jeff and Tran, John and Dally, William J.},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {28},
  year = {2015},
}""",
    "frankle2019lottery": """@inproceedings{frankle2019lottery,
  title = {The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks},
  author = {Frankle, Jonathan and Carbin, Michael},
  booktitle = {International Conference on Learning Representations},
  year = {2019},
}""",
    "renda2020comparing": """@inproceedings{renda2020comparing,
  title = {Comparing Rewinding and Fine-tuning in Neural Network Pruning},
  author = {Renda, Alex and Frankle, Jonathan and Carbin, Michael},
  booktitle = {International Conference on Learning Representations},
  year = {2020},
}""",
    "li2017pruning": """@inproceedings{li2017pruning,
  title = {Pruning Filters for Efficient {ConvNets}},
  author = {Li, Hao and Kadav, Asim and Durdanovic, Igor and Samet, Hanan and Graf, Hans Peter},
  booktitle = {International Conference on Learning Representations},
  year = {2017},
}""",
    "hinton2015distilling": """@misc{hinton2015distilling,
  title = {Distilling the Knowledge in a Neural Network},
  author = {Hinton, Geoffrey and Vinyals, Oriol and Dean, Jeff},
  year = {2015},
  note = {arXiv:1503.02531},
}""",
}
"""Key -> BibTeX. Long author lists end in "others". Data bring their own."""


def cited(facts: StudyFacts | None, settings: AnalysisSettings) -> tuple[str, ...]:
    """Keys of what a study must cite."""
    keys = ["li2025misfitting", "smyth2004linear"]
    if settings.law == "auto":
        keys += ["rosenfeld2020constructive", "rasmussen2006gaussian"]
    else:
        keys.append("hoffmann2022training")
    if facts is None:
        return tuple(keys)
    keys += ["akiba2019optuna", "zaharia2018mlflow", *facts.references]
    if facts.search_trials and facts.sampler in SAMPLERS:
        keys.append(SAMPLERS[facts.sampler][1])
    if not facts.own_trainer:
        keys.append("paszke2019pytorch")
        if facts.training.get("optimizer") == "adamw":
            keys.append("loshchilov2019decoupled")
        keys += route_keys(facts)
    return tuple(keys)


def bibliography(facts: StudyFacts | None, settings: AnalysisSettings) -> str:
    """BibTeX of what a study must cite, by key."""
    entries = ENTRIES | dict(facts.references if facts else {})
    return "\n\n".join(entries[key] for key in sorted(cited(facts, settings))) + "\n"
