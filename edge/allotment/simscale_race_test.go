//go:build race

package allotment

const defaultSeeds = 100
