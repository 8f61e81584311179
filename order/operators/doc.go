// Package operators is what each program but the edge shows its operators: whether it does its work, and its metrics.
//
// Whether a program does its work is one truth (Pulse): /readyz, the metric spike_ready and the log all tell the result of the
// newest look, so they cannot contradict each other. Package loopback decides who may enter.
package operators
