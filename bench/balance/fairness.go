package balance

import "math"

// Jain is Jain's index of fairness of counts against wanted shares: (Σx)² / (n Σx²) with x = count/share. 1 means the wanted
// shares. 1/n means that one of n equal edges got everything. It is not a number if nothing was counted.
//
// R. Jain, D. Chiu, W. Hawe: A Quantitative Measure of Fairness and Discrimination (1984).
func Jain(counts []int64, wanted []float64) float64 {
	var sum, squares float64
	for i, n := range counts {
		x := float64(n) / wanted[i]
		sum += x
		squares += x * x
	}
	if squares == 0 {
		return math.NaN()
	}
	return sum * sum / (float64(len(counts)) * squares)
}

// Deviation is how far the worst edge is from its wanted share, in percent of that share.
func Deviation(counts []int64, wanted []float64) float64 {
	var sum int64
	for _, n := range counts {
		sum += n
	}
	if sum == 0 {
		return math.NaN()
	}
	worst := 0.0
	for i, n := range counts {
		worst = max(worst, math.Abs(float64(n)/(float64(sum)*wanted[i])-1))
	}
	return 100 * worst
}
