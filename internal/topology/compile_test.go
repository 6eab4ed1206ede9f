package topology

import "testing"

func TestExampleCompiles(t *testing.T) {
	s, problems := Compile("directsip.yaml", Example())
	if len(problems) > 0 || s == nil {
		t.Fatalf("the example has problems:\n%s", problems.Error())
	}
}
