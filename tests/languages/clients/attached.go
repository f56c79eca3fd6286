// Worker of tests/languages/clients/attached.rs: asks for its flag again and again.
package main

import (
	"fmt"
	"time"

	"stopctl"
)

func main() {
	for n := 0; n < 1000; n++ {
		stopctl.FromEnv().IsSet()
	}
	fmt.Println(map[bool]string{true: "ready", false: "not supervised"}[stopctl.FromEnv().IsSupervised()])
	stopctl.FromEnv().Wait(time.Minute)
}
