package fastpath

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"

	"github.com/directsip/directsip/internal/lack"
)

// TestObjectIsOfTheSource compiles the program again, with Debian 12's compiler, from which the objects in the repository are.
func TestObjectIsOfTheSource(t *testing.T) {
	out, err := exec.Command("clang", "--version").Output()
	if err != nil || !strings.Contains(string(out), "clang version 14.") {
		lack.Of(t, "clang 14 is not installed: apt-get install clang llvm: ", err)
	}
	if _, err := exec.LookPath("llvm-strip"); err != nil {
		lack.Of(t, "llvm-strip is not installed: apt-get install llvm")
	}
	dir := filepath.Join(t.TempDir(), "elsewhere") // the directory must not show
	if err := os.CopyFS(filepath.Join(dir, "bpf"), os.DirFS("bpf")); err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, command, _ := strings.Cut(string(doc), "//go:generate go tool bpf2go ")
	tool, err := exec.Command("go", "tool", "-n", "bpf2go").Output()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-go-package", "fastpath"}
	for i, quoted := range strings.Split(strings.TrimSpace(command), `"`) {
		if i%2 == 1 {
			args = append(args, quoted)
		} else {
			args = append(args, strings.Fields(quoted)...)
		}
	}
	cmd := exec.Command(strings.TrimSpace(string(tool)), args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"object_bpfel.o", "object_bpfeb.o", "object_bpfel.go", "object_bpfeb.go"} {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not of this source: make generate (%v)", name, err)
		}
	}
}

// TestOlderKernelsFollow looks in the programs for what the verifier of this kernel may see through, and those of older ones do not.
func TestOlderKernelsFollow(t *testing.T) {
	spec, err := loadObject()
	if err != nil {
		t.Fatal(err)
	}
	var lengths int
	program := spec.Programs["forward"].Instructions
	for i := range program {
		if !program[i].IsBuiltinCall() || program[i].Constant != int64(asm.FnSkbLoadBytes) && program[i].Constant != int64(asm.FnSkbStoreBytes) {
			continue
		}
		lengths++
		by := maker(program[:i], asm.R4)
		if op := by.OpCode.ALUOp(); op != asm.Mov && (op != asm.Add || by.Constant != 1) { // a constant, or what bounded returns
			t.Errorf("%v has a length by %v", program[i], by)
		}
	}
	if lengths < 5 {
		t.Errorf("%d calls have lengths", lengths)
	}
	if at, ok := loop(spec.Programs["forward_only"].Instructions); ok {
		t.Errorf("forward_only, which is also for users without CAP_PERFMON, has a loop at %d", at)
	}
}

// maker is what makes the value that a register has behind the instructions, wherever that was kept between.
func maker(before asm.Instructions, register asm.Register) asm.Instruction {
	slot := int16(0) // of the stack; 0: it is in the register
	for len(before) > 0 {
		i := before[len(before)-1]
		before = before[:len(before)-1]
		class := i.OpCode.Class()
		switch {
		case slot != 0 && class.IsStore() && i.Dst == asm.RFP && i.Offset == slot:
			register, slot = i.Src, 0
		case slot != 0 || i.Dst != register || class.IsStore() || class.IsJump():
		case class == asm.LdXClass && i.Src == asm.RFP:
			slot = i.Offset
		case class.IsALU() && i.OpCode.ALUOp() == asm.Mov && i.OpCode.Source() == asm.RegSource:
			register = i.Src
		default:
			return i
		}
	}
	return asm.Instruction{}
}

func jumps(i *asm.Instruction) bool {
	op := i.OpCode
	return op.Class().IsJump() && op.JumpOp() != asm.Call && op.JumpOp() != asm.Exit
}

// loop finds an instruction that may come again after itself.
func loop(program asm.Instructions) (asm.RawInstructionOffset, bool) {
	type step struct {
		*asm.Instruction
		under, done bool
	}
	steps := map[asm.RawInstructionOffset]*step{}
	for i := program.Iterate(); i.Next(); {
		steps[i.Offset] = &step{Instruction: i.Ins}
	}
	var visit func(asm.RawInstructionOffset) (asm.RawInstructionOffset, bool)
	visit = func(at asm.RawInstructionOffset) (asm.RawInstructionOffset, bool) {
		s := steps[at]
		if s.done || s.under {
			return at, s.under
		}
		s.under = true
		next := at + asm.RawInstructionOffset(s.Width())
		if jumps(s.Instruction) {
			if where, ok := visit(next + asm.RawInstructionOffset(s.Offset)); ok {
				return where, ok
			}
		}
		if op := s.OpCode; !op.Class().IsJump() || op.JumpOp() != asm.Exit && op.JumpOp() != asm.Ja {
			if where, ok := visit(next); ok {
				return where, ok
			}
		}
		s.under, s.done = false, true
		return 0, false
	}
	return visit(0)
}
