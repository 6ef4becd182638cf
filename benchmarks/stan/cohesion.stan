// The model of cohesion_model with partial pooling and normal noise, slopes common or by type; types non-centred.
data {
  int<lower=0> N;
  int<lower=0> J;
  int<lower=0> K;
  int<lower=0, upper=1> by_type;
  int<lower=1, upper=J> kind[N];
  vector[N] x;
  vector[N] change;
  matrix[N, K] controls;
}
parameters {
  real mu;
  real effect;
  real<lower=0> tau;
  real<lower=0> sigma;
  real<lower=0> tau_effect[by_type];
  vector[K] coefficient;
  vector[J] z;
  vector[by_type * J] z_effect;
}
transformed parameters {
  vector[J] intercept = mu + tau * z;
  vector[J] effect_by_type = rep_vector(effect, J);
  if (by_type) effect_by_type = effect + tau_effect[1] * z_effect;
}
model {
  mu ~ normal(0, 5);
  effect ~ normal(0, 5);
  tau ~ normal(0, 2.5);
  sigma ~ normal(0, 7.5);
  tau_effect ~ normal(0, 2.5);
  coefficient ~ normal(0, 2.5);
  z ~ std_normal();
  z_effect ~ std_normal();
  change ~ normal(intercept[kind] + effect_by_type[kind] .* x + controls * coefficient, sigma);
}
