//go:build race

package token

const tokenMutations = 100_000 // the race detector makes each fifty times as dear
