// Package operators is what every program of ours shows its operators: whether it does its work, and its metrics.
//
// Whether it does its work is one truth (Pulse): /readyz, the metric spike_ready and the log all say what the newest look has
// found, so that they cannot contradict each other. Whoever may enter is told by package loopback.
package operators
