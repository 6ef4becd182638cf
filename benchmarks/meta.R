# bayesmeta and metafor on the data of meta.py, in one process; what bayesmeta needs of metafor, mvtnorm and numDeriv is loaded first.
#   Rscript meta.R DATA.csv REPEATS [FOLDER]
# DATA.csv has columns task, estimate, se, mu_sd, tau_sd; FOLDER is bayesmeta's source, where the package is not installed.
suppressPackageStartupMessages(library(metafor))
given <- commandArgs(trailingOnly = TRUE)
data <- read.csv(given[1]); repeats <- as.integer(given[2]); folder <- given[3]
installed <- requireNamespace("bayesmeta", quietly = TRUE)
if (installed || !is.na(folder)) suppressPackageStartupMessages({library(mvtnorm); library(numDeriv)})
if (installed) bayesmeta <- bayesmeta::bayesmeta else if (!is.na(folder)) source(file.path(folder, "R", "bayesmeta.R"))

rows <- list()
tell <- function(task, peer, times, found) {
  rows[[length(rows) + 1]] <<- data.frame(task = task, peer = peer, seconds = median(times), as.list(found))
}
timed <- function(work) {
  for (k in seq_len(repeats)) {
    start <- proc.time()[["elapsed"]]; found <- work(); took <- proc.time()[["elapsed"]] - start
    times <- if (k == 1) took else c(times, took)
  }
  list(times = times, found = found)
}
# One estimate takes too little to be timed by itself.
many <- function(work, times = 20) {
  done <- timed(function() for (k in seq_len(times)) found <<- work())
  list(times = done$times / times, found = found)
}
none <- c(mu = NA, tau = NA, log_evidence = NA, log_likelihood = NA, new_low = NA, new_high = NA)
of_rma <- function(fit) replace(none, c("mu", "tau", "log_likelihood"), c(fit$beta[1], sqrt(fit$tau2), logLik(fit)[1]))

for (task in unique(data$task)) {
  own <- data[data$task == task, ]
  if (exists("bayesmeta")) {
    spread <- own$tau_sd[1]
    done <- timed(function() bayesmeta(own$estimate, own$se, tau.prior = function(t) 2 * dnorm(t, 0, spread),
                                       mu.prior = c(0, own$mu_sd[1]), interval.type = "central"))
    found <- done$found$summary
    ends <- found[c("95% lower", "95% upper"), "theta"]
    tell(paste0(task, ", random effects"), "bayesmeta", done$times,
         replace(none, c("mu", "tau", "log_evidence", "new_low", "new_high"),
                 c(found["mean", "mu"], found["mean", "tau"], log(done$found$marginal.likelihood), ends)))
  }
  done <- many(function() rma(own$estimate, sei = own$se, method = "REML"))
  tell(paste0(task, ", REML"), "metafor", done$times, of_rma(done$found))
  fit <- rma(own$estimate, sei = own$se, method = "ML")
  # A bin of p-values without an estimate leaves metafor without an answer.
  if (any(own$estimate / own$se > qnorm(0.975))) {
    done <- timed(function() selmodel(fit, type = "stepfun", steps = 0.025, alternative = "greater"))
    tell(paste0(task, ", ML with one step"), "metafor", done$times, of_rma(done$found))
  }
}
write.csv(do.call(rbind, rows), stdout(), row.names = FALSE)
