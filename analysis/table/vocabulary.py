"""Words of column names: which metrics rise as models get better, what sets runs apart.

A name is taken apart into words whatever its style (``val/mIoU``, ``testAccuracy``, ``acc@1``,
``neg_log_likelihood``), and looked up whole words at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from analysis.table.roles import bare


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BOUNDED = _words(
    """
    acc accs accuracy accuracies top1 top3 top5 top10 topk correct precision recall sensitivity
    specificity f1 f2 fbeta fscore fmeasure f1score auc auroc rocauc aucroc auprc aupr prauc prc ap
    map map50 map5095 map75 mar mrr ndcg hit hits hits1 hits10 hitrate r2 r2score rsq rsquared
    rsquare corr correlation pearson pearsonr spearman spearmanr kendall kendalltau tau mcc matthews
    kappa cohen qwk bleu bleu4 sacrebleu rouge rouge1 rouge2 rougel rougelsum meteor chrf bertscore
    comet bleurt spice em exactmatch iou miou jaccard dice dsc pq ssim msssim success successrate sr
    solved solverate winrate win wins pass passrate pass1 average avg score scores nmi ari ami
    purity silhouette agreement
    mmlu hellaswag arc gsm8k humaneval truthfulqa winogrande bbh ifeval gpqa
    musr glue superglue squad mbpp piqa boolq lambada explainedvariance stoi likelihood gini
    """
)
"""Scores that rise up to 1, or 100."""
UNBOUNDED = _words(
    """
    psnr snr sdr sisnr sisdr sisdri sisnri reward rewards return returns elo rating fitness utility
    profit revenue cider pesq mos elbo loglikelihood loglik logprob logprobs lpd elpd logp logits
    inceptionscore gain uplift points
    """
)
"""What rises without end."""
FALLING = _words(
    """
    err error errors errorrate loss losses nll ppl perplexity perplexities xent crossentropy ce bce
    logloss kl kld wer cer ter mer der eer fer ser rmse rmsle mse msle mae mape smape mase nrmse
    wape medae rae rse bpb bpc bpt bpd bpw bits bitsperbyte fid kid lpips fad fvd brier ece mce
    regret cost risk distance dist edit levenshtein aer deviation residual residuals miss misses
    missrate misclassification misclassified mistakes wrong fpr fnr far frr deviance hamming chamfer
    epe absrel failures failurerate disagreement divergence inaccuracy
    """
)
"""What falls as models get better."""
PERPLEXITY = _words("ppl perplexity perplexities")
BITS = _words("bpb bpc bpt bpd bpw bits bitsperbyte")
NATS = _words(
    """
    loss losses nll xent crossentropy ce bce logloss kl kld elbo loglikelihood loglik logprob
    logprobs lpd elpd logp nats
    """
)
"""Losses that are mean log-likelihoods, or may be."""
LIKELIHOOD = _words("loglikelihood loglik likelihood logprob logprobs logp elbo lpd elpd")
BELOW_ZERO = _words(
    "r2 r2score rsq rsquared rsquare corr correlation pearson pearsonr spearman spearmanr kendall "
    "kendalltau tau mcc matthews kappa cohen qwk silhouette explainedvariance ari ami"
)
"""Bounded scores that may be negative."""
SAID_OF_ANY = _words("average avg score scores points gain hit hits win wins pass tau map")
"""Words of scores that mean little by themselves: what the numbers say counts as much."""
DIFFERENCES = _words(
    "gain gains delta diff difference improvement improvements lift uplift advantage"
)
"""Words of what is counted from another model: neither bounded nor surely better if higher."""
TURNED = _words("neg negative negated minus one")
"""Words that turn a metric upside down: ``neg_log_loss``, ``one_minus_accuracy``."""
POSITIVE = _words(
    """
    err error errors errorrate wer cer ter mer der eer fer ser rmse rmsle mse msle mae mape smape
    mase nrmse wape ppl perplexity fid brier ece distance missrate misclassification
    """
)
"""What can't be negative."""
VALIDATION = _words("val valid validation dev eval holdout heldout")
TRAINING = _words("train training tr")
TEST = _words("test testing")

STEPS = _words(
    """
    epoch epochs step steps iteration iterations iter iters globalstep checkpoint ckpt update
    updates tokensseen samplesseen examplesseen trainedtokens nepochs numepochs trainsteps itr
    """
)
FOLDS = _words("fold folds cvfold kfold cv splitid cvsplit foldid")
SPLITS = _words("split phase subset partition set mode")
SEEDS = _words(
    """
    seed seeds rng randomstate randomseed rep reps replicate replicates repeat repeats repetition
    run runs runid trial trials number id ids uuid name runname index idx restart init draw host
    hostname gpu device node worker user time date day timestamp start started end ended starttime
    endtime duration wall walltime runtime seconds minutes hours url link path dir directory commit
    git sha hash hostid created updated artifacturi experimentid experiment sweep sweepid tags notes
    note comment comments description datetimestart datetimecomplete log logs machine pid rank
    state status reason message key row replica jobid job author source
    """
)
"""What tells runs apart that are alike."""
RUNS = _words("run runid runname name trialid trialname jobid uuid experiment")
"""What names a run: where each row has its own, each row is a run."""
SETTINGS = _words(
    """
    lr learningrate eta stepsize momentum beta1 beta2 weightdecay wd decay l1 l2 dropout drop
    batch batchsize bs optimizer optimiser opt optim scheduler schedule warmup warmupsteps gradclip
    clip clipping
    temperature labelsmoothing smoothing augment augmentation mixup cutmix gamma alpha
    nestimators eps epsilon patience earlystopping regularization regularisation penalty solver
    activation initializer initscale lrdecay minlr maxlr rho lambda lam minchildweight subsample
    colsample colsamplebytree mindatainleaf maxfeatures maxbins learningrateinit accumulation
    """
)
"""Hyperparameters that are tuned."""
CONDITIONS = _words(
    """
    dataset datasets data task tasks benchmark domain language lang corpus family model modelname
    arch architecture backbone method algo algorithm approach variant group project objective
    tokenizer precision dtype pretrained pretraining initialization route type kind category
    resolution imgsize imagesize imgres inputsize env environment game problem target class
    study noise labelnoise labelnoiserate prunemethod quantization finetuned version mixture recipe
    """
)
"""What makes another question of it."""
WIDTHS = _words(
    """
    width widths hidden hiddensize hiddendim hiddenunits dim dims dmodel dff ffn ffndim embd nembd
    embed embeddim embeddingdim embeddingsize channels units neurons
    """
)
"""What grows a ladder of sizes, wherever a model has it."""
DEPTHS = _words(
    "depth depths layer layers nlayer nlayers numlayers block blocks nblocks numblocks maxdepth"
)
"""How deep a model is."""
SHAPES = (
    WIDTHS
    | DEPTHS
    | _words(
        """
        head heads nhead nheads params param parameters nparams nparameters numparams size sizes
        weights nonzero nnz paramcount modelsize leaves maxleafnodes
        """
    )
)
"""What makes the size, or follows from it."""
MEASURED = _words(
    """
    latency latencies throughput fps qps ms msec us usec ns sec secs seconds flops kflops mflops
    gflops tflops flop gflop macs mmacs gmacs bytes memory mem kb mb gb kib mib gib energy joule
    joules kj wh kwh watts power inferencetime traintime trainingtime
    """
)
"""What is measured of a model, and no condition that it was made under."""
MADE = _words("arch architecture backbone family model modelname variant design layout type kind")
"""Conditions that may as well say how a model is made."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_POWER = re.compile(r"\^|\*\*|²")


@lru_cache(maxsize=4096)
def words_of(name: str) -> frozenset[str]:
    """The words of a name: its parts in any style, neighbours joined as well.

    Examples
    --------
    >>> sorted(words_of("testAccuracy"))
    ['accuracy', 'test', 'testaccuracy']
    >>> "miou" in words_of("val/mIoU"), "r2" in words_of("R^2"), "acc" in words_of("acc@1")
    (True, True, True)
    """
    plain = _POWER.sub(lambda m: "2" if m.group() == "²" else "", bare(name))
    plain = re.sub(r"(?<=[A-Za-z])2(?=_score)", "2 ", plain)
    found: list[str] = []
    for segment in re.split(r"[^0-9A-Za-z]+", plain):
        if segment:
            found.append(segment.lower())
            found.append(segment.lower().rstrip("0123456789") or segment.lower())
    parts = [p for p in re.split(r"[^0-9a-z]+", _CAMEL.sub(" ", plain).lower()) if p]
    found += parts
    for length in (2, 3):
        found += ["".join(parts[k : k + length]) for k in range(len(parts) - length + 1)]
    return frozenset(found)


def last_word(name: str) -> str:
    """The last part of a name, its head in English."""
    parts = re.split(r"[^0-9a-z]+", _CAMEL.sub(" ", bare(name)).lower())
    return next((part for part in reversed(parts) if part and not part.isdigit()), "")


def is_one(name: str, vocabulary: Iterable[str]) -> bool:
    """Whether a name has one of the words."""
    return not words_of(name).isdisjoint(vocabulary)


def is_metric(name: str) -> bool:
    """Whether a column measures how good a model is, or says so."""
    if re.match(r"(?:metrics?|values?|summary|eval)[./_]", name, re.IGNORECASE):
        return True
    words = words_of(name) - {"likelihood", "tau", "pass", "correct"}
    return not words.isdisjoint(BOUNDED | UNBOUNDED | FALLING)


def head_kind(name: str, kinds: Iterable[tuple[str, frozenset[str]]]) -> str:
    """The first of some kinds of words that a name belongs to: as a whole, by its head, by a part.

    Examples
    --------
    >>> kinds = (("setting", SETTINGS), ("shape", SHAPES), ("seed", SEEDS))
    >>> [head_kind(name, kinds) for name in ("batch_size", "hidden_size", "data_seed")]
    ['setting', 'shape', 'seed']
    """
    kinds = tuple(kinds)
    whole = re.sub(r"[^0-9a-z]+", "", bare(name).lower())
    for found in ({whole}, {last_word(name)}, words_of(name)):
        for kind, vocabulary in kinds:
            if found & vocabulary:
                return kind
    return ""
