// The model of cohesion_model with partial pooling and normal noise, slopes common or by type.
// PARTS is what the benchmark puts in for centred or non-centred types.
data {
  int<lower=0> N, J, K;
  int<lower=0, upper=1> by_type;
  array[N] int<lower=1, upper=J> kind;
  vector[N] x, change;
  matrix[N, K] controls;
}
parameters {
  real mu, effect;
  real<lower=0> tau, sigma;
  array[by_type] real<lower=0> tau_effect;
  vector[K] coefficient;
  vector/*INTERCEPT*/[J] intercept;
  array[by_type] vector/*SLOPE*/[J] effect_by_type;
}
model {
  mu ~ normal(0, 5);
  effect ~ normal(0, 5);
  tau ~ normal(0, 2.5);
  sigma ~ normal(0, 7.5);
  coefficient ~ normal(0, 2.5);
  intercept ~ normal(mu, tau);
  vector[J] slope = rep_vector(effect, J);
  if (by_type) {
    tau_effect[1] ~ normal(0, 2.5);
    effect_by_type[1] ~ normal(effect, tau_effect[1]);
    slope = effect_by_type[1];
  }
  change ~ normal(intercept[kind] + slope[kind] .* x + controls * coefficient, sigma);
}
