# rstan, rstanarm and brms as processes of their own; see peer.py.
#   Rscript benchmarks/peer.R PEER PROBLEM DATA.csv DRAWS TUNE
# Priors are those of the package's models, but for rstanarm's on the spread of the types, which it offers in no such form.
suppressPackageStartupMessages(library(posterior))
given <- commandArgs(trailingOnly = TRUE)
peer <- given[1]; problem <- given[2]; draws <- as.integer(given[4]); tune <- as.integer(given[5])
frame <- read.csv(given[3])
options(mc.cores = 2)
# Debian keeps Boost with the system's headers, where rstan does not look.
boost <- if (dir.exists("/usr/include/boost")) list(boost_lib = "/usr/include") else list()
tell <- function(parts) cat(jsonlite::toJSON(parts, auto_unbox = TRUE, digits = 15), "\n", sep = "")
quietly <- function(code) suppressMessages(suppressWarnings(code))
shared <- list(chains = 4, cores = 2, iter = tune + draws, warmup = tune, refresh = 0)
controls <- grep("^c[0-9]+$", names(frame), value = TRUE)
fixed <- paste("change ~ 0 + one + x +", paste(controls, collapse = " + "))
own <- if (problem == "cohesion_by_type") "(0 + one + x || kind)" else "(0 + one | kind)"

if (peer == "rstan") {
  suppressPackageStartupMessages(library(rstan))
  success <- problem %in% c("binomial", "ordinal")
  file <- file.path("stan", if (success) "success.stan" else "cohesion.stan")
  # A compiled program is kept: in a cold cache the first process compiles it.
  cache <- tools::R_user_dir("bayes_targets_benchmarks", "cache")
  dir.create(cache, recursive = TRUE, showWarnings = FALSE)
  kept <- file.path(cache, paste0(tools::md5sum(file), ".rds"))
  if (!file.exists(kept)) saveRDS(quietly(do.call(stan_model, c(list(file), boost))), kept)
  program <- readRDS(kept)
  if (success) {
    count <- as.matrix(frame[grep("^k[0-9]+$", names(frame))])
    data <- list(J = nrow(count), K = ncol(count), count = count)
    shown <- c("mu", "tau", "cut", "area_effect")
  } else {
    kind <- as.integer(factor(frame$kind))
    data <- list(N = nrow(frame), J = max(kind), K = length(controls), by_type = as.integer(problem == "cohesion_by_type"),
                 kind = kind, x = frame$x, change = frame$change, controls = as.matrix(frame[controls]))
    shown <- c("mu", "tau", "effect", "sigma", "coefficient", "intercept", if (data$by_type) c("tau_effect", "effect_by_type"))
  }
  sample <- function(seed) quietly(do.call(sampling, c(list(program, data, pars = shown, seed = seed,
                                                            control = list(adapt_delta = 0.9)), shared)))
  names_of <- function() if (problem == "ordinal") {
    c("mu[0]" = "mu", "tau[0]" = "tau", "cutpoint[1]" = "cut[1]", "cutpoint[0]" = "cut[2]")
  } else if (success) {
    c("mu[0]" = "mu", "tau[0]" = "tau")
  } else {
    own <- paste0("intercept[", seq_len(data$J), "]")
    names(own) <- paste0("intercept[", seq_len(data$J) - 1, "]")
    c("mu[0]" = "mu", "tau[0]" = "tau", "effect[0]" = "effect", "sigma[0]" = "sigma", own,
      if (data$by_type) c("tau_effect[0]" = "tau_effect[1]"))
  }
} else if (peer == "brms") {
  suppressPackageStartupMessages(library(brms))
  if (problem == "binomial") {
    formula <- bf(y | trials(n) ~ 0 + one + (1 | area)); family <- binomial()
    priors <- c(set_prior("normal(0, 1.5)", class = "b"), set_prior("normal(0, 1)", class = "sd"))
  } else {
    formula <- bf(as.formula(paste(fixed, "+", own))); family <- gaussian()
    priors <- c(set_prior("normal(0, 2.5)", class = "b"), set_prior("normal(0, 5)", class = "b", coef = c("one", "x")),
                set_prior("normal(0, 2.5)", class = "sd"), set_prior("normal(0, 7.5)", class = "sigma"))
  }
  compiled <- quietly(brm(formula, frame, family, priors, chains = 0, stan_model_args = boost))
  sample <- function(seed) quietly(do.call(update, c(list(compiled, recompile = FALSE, seed = seed,
                                                         control = list(adapt_delta = 0.9)), shared)))
  names_of <- function() if (problem == "binomial") {
    c(mu = "b_one", tau = "sd_area__Intercept")
  } else {
    c(mu = "b_one", tau = "sd_kind__one", effect = "b_x", sigma = "sigma",
      if (problem == "cohesion_by_type") c(tau_effect = "sd_kind__x"))
  }
} else {
  suppressPackageStartupMessages(library(rstanarm))
  sample <- function(seed) {
    settings <- c(shared, list(seed = seed, adapt_delta = 0.9, data = frame))
    quietly(if (problem == "binomial") {
      do.call(stan_glmer, c(list(cbind(y, n - y) ~ 1 + (1 | area), family = binomial(),
        prior_intercept = normal(0, 1.5), prior_covariance = decov(1, 1, 1, 1)), settings))
    } else {
      widths <- c(5, rep(2.5, length(controls)))
      slopes <- paste("change ~ 1 + x +", paste(controls, collapse = " + "))
      formula <- as.formula(paste(slopes, "+", if (problem == "cohesion_by_type") "(1 + x || kind)" else "(1 | kind)"))
      do.call(stan_lmer, c(list(formula, prior = normal(0, widths), prior_intercept = normal(0, 5),
        prior_aux = normal(0, 7.5), prior_covariance = decov(1, 1, 1, 1)), settings))
    })
  }
  names_of <- function() if (problem == "binomial") c(mu = "(Intercept)") else
    c(mu = "(Intercept)", effect = "x", sigma = "sigma")
}

tell(list(ready = as.numeric(Sys.time())))
input <- file("stdin", "r")
while (length(line <- readLines(input, n = 1)) > 0) {
  started <- proc.time()[["elapsed"]]
  fit <- sample(as.integer(line))
  seconds <- proc.time()[["elapsed"]] - started
  ended <- as.numeric(Sys.time())
  all <- as_draws_array(if (peer == "brms") fit else as.array(fit))
  kept <- setdiff(variables(all), c("lp__", "lprior", "mean_PPD", "log-posterior"))
  kept <- kept[!grepl("^z_", kept)]
  ess <- sapply(kept, function(name) ess_bulk(extract_variable_matrix(all, name)))
  each <- lapply(names_of(), function(name) {
    values <- extract_variable_matrix(all, name)
    c(mean(values), sd(values), ess_bulk(values))
  })
  names(each) <- ifelse(grepl("[", names(each), fixed = TRUE), names(each), paste0(names(each), "[0]"))
  tell(list(seconds = seconds, ended = ended, ess = min(ess, na.rm = TRUE), each = each))
}
