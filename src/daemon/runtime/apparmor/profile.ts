/** The profile of containers that name no other; an engine that was here before may have loaded one of that name. */
export const defaultAppArmorProfile = "docker-default";

/**
 * What a container may do beyond what capabilities, seccomp and masked paths leave it: everything with its files, its
 * own processes and the network; nothing with mounts, the kernel's settings and other processes. A second wall, for
 * when one of the others is found to have a hole.
 *
 * The runtime's own profiles (Ubuntu has some, in unconfined mode) may signal it, as may what runs without one.
 *
 * **Source:** apparmor.d(5).
 */
export const profileText = (name: string): string => `
profile ${name} flags=(attach_disconnected, mediate_deleted) {
  file,
  network,
  unix,
  capability,
  umount,
  deny mount,

  signal (receive) peer=unconfined,
  signal (receive) peer={crun,runc},
  signal (send, receive) peer=${name},
  ptrace (trace, read, tracedby, readby) peer=${name},

  deny /proc/* w,
  deny /proc/{kcore,kmem,mem,sysrq-trigger} rwklx,
  deny /proc/sys/{abi,debug,dev,fs,net,sunrpc,user,vm}/** w,
  deny /proc/sys/kernel/{[^s],s[^h]}** w,

  deny /sys/{block,bus,class,dev,devices,hypervisor,kernel,module,power}/** wklx,
  deny /sys/fs/[^c]** wklx,
  deny /sys/{firmware,kernel/security}/** rwklx,
}
`;
