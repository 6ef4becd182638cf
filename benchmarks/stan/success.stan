// The binomial (K = 2) and ordinal (K = 3) models of success_model with partial pooling; statuses best first.
data {
  int<lower=0> J;
  int<lower=2> K;
  int<lower=0> count[J, K];
}
parameters {
  real mu;
  vector[K - 2] split;
  real<lower=0> tau;
  vector[J] z;
}
transformed parameters {
  vector[J] area_effect = tau * z;
  vector[K - 1] cut;
  {
    vector[K - 1] below = cumulative_sum(log1p_exp(append_row(mu, split)));
    cut = -(below + log1m_exp(-below));
  }
}
model {
  mu ~ normal(0, 1.5);
  split ~ normal(0, 1.5);
  tau ~ normal(0, 1);
  z ~ std_normal();
  for (j in 1:J) {
    target += count[j, 1] * log_inv_logit(area_effect[j] - cut[1]);
    target += count[j, K] * log1m_inv_logit(area_effect[j] - cut[K - 1]);
    for (k in 2:(K - 1))
      target += count[j, k] * log_diff_exp(log_inv_logit(area_effect[j] - cut[k]), log_inv_logit(area_effect[j] - cut[k - 1]));
  }
}
