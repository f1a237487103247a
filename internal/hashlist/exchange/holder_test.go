package exchange

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

func TestOnlyDeadHoldersLoseWhatTheyHold(t *testing.T) {
	gone := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		holder(): false,
		fmt.Sprintf("%s %d x", machine(), os.Getppid()):     false,
		fmt.Sprintf("%s %d x", machine(), gone.Process.Pid): true,
		fmt.Sprintf("elsewhere/1 %d x", gone.Process.Pid):   false,
		"": false, "x": false, machine() + " x y": false,
	} {
		if dead(name) != want {
			t.Errorf("%q is dead: %v", name, !want)
		}
	}
}
