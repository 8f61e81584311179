//go:build !race

package allotment

const defaultSeeds = 1500
