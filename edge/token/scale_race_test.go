//go:build race

package token

const tokenMutations = 100_000 // with the race detector each costs fifty times as much
