package sound

import "math"

// What a change of the sampling rate passes and what it takes away: the upper eighth of what the lower rate can have is where it goes from one to the
// other, 3.5 to 4 kHz for telephones. From there on 70 dB are taken away, so that nothing is heard that folds back.
const (
	slope       = 1.0 / 8
	attenuation = 70.0 // dB
)

// resample changes the sampling rate, in Hz, by a windowed sinc (Kaiser), of which every place between two samples that occurs has its own row of coefficients.
func resample(in []int16, from, to int) []int16 {
	if from == to {
		return in
	}
	g := gcd(from, to)
	up, down := to/g, from/g
	rows := rowsOf(from, to, up)
	taps := len(rows[0])
	x := make([]float32, len(in)+2*taps) // with silence around
	for i, s := range in {
		x[taps+i] = float32(s)
	}
	out := make([]int16, (len(in)*up+down-1)/down)
	for i := range out {
		at := i * down
		v := dot(rows[at%up], x[taps+at/up+1-taps/2:])
		out[i] = int16(math.Round(float64(min(max(v, math.MinInt16), math.MaxInt16))))
	}
	return out
}

// rowsOf are the coefficients for the places k/n after a sample, 0 <= k < n.
func rowsOf(from, to, n int) [][]float32 {
	half := float64(min(from, to)) / 2
	width := slope * half / float64(from) // of the slope, in cycles a sample
	cut := half/float64(from) - width/2
	taps := 4 * int(math.Ceil((attenuation-8)/(2.285*2*math.Pi*width)/4)) // Kaiser's estimate
	beta := 0.1102 * (attenuation - 8.7)
	rows := make([][]float32, n)
	for k := range rows {
		row, sum := make([]float64, taps), 0.0
		for i := range row {
			d := float64(k)/float64(n) - float64(i+1-taps/2)
			row[i] = 2 * cut
			if d != 0 {
				row[i] = math.Sin(2*math.Pi*cut*d) / (math.Pi * d)
			}
			edge := 2 * d / float64(taps)
			row[i] *= bessel(beta * math.Sqrt(max(0, 1-edge*edge)))
			sum += row[i]
		}
		rows[k] = make([]float32, taps)
		for i := range row {
			rows[k][i] = float32(row[i] / sum)
		}
	}
	return rows
}

// bessel is the modified Bessel function of the first kind and order 0.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}

// dot is the sum of the products with a row, whose length is a multiple of 4: four sums, which do not wait for each other.
func dot(row, x []float32) float32 {
	var a, b, c, d float32
	for len(row) >= 4 && len(x) >= 4 {
		a += row[0] * x[0]
		b += row[1] * x[1]
		c += row[2] * x[2]
		d += row[3] * x[3]
		row, x = row[4:], x[4:]
	}
	return a + b + c + d
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
