//! What the compiler's process gives up before it reads a stranger's file: it opens no file, reaches no
//! network, runs no program, and looks into no other process. Its input and output are open already.
//!
//! Two mechanisms of Linux, either of which is enough for files and programs, and neither of which needs
//! privileges: Landlock, an allow-list that is empty; and seccomp, a list of refused system calls, since the calls that
//! a compiler with its threads and its allocator makes change with each of their versions. On an old kernel, or another
//! system, the process does without, and the host says so when it starts ([`missing`]).

/// Gives up what can be given up. For the process, it is to be called before there are other threads.
pub(super) fn confine() {
    #[cfg(target_os = "linux")]
    {
        // What fails is what `missing` has told the operator of.
        let _ = linux::by_landlock();
        let _ = linux::by_seccomp();
    }
}

/// What this system lacks, for the operator.
pub(in crate::connector) fn missing() -> Option<&'static str> {
    #[cfg(target_os = "linux")]
    return linux::missing();
    #[cfg(not(target_os = "linux"))]
    Some("Landlock and seccomp")
}

#[cfg(target_os = "linux")]
mod linux {
    use std::env::consts::ARCH;
    use std::path::Path;

    use anyhow::Context as _;
    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset,
        RulesetAttr as _, Scope,
    };
    use rustix::io::Errno;
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

    /// The newest version of Landlock whose rights are handled; an older kernel handles fewer.
    const LANDLOCK: ABI = ABI::V6;
    /// The version with all rights that a compiler could use on files.
    const FILES: ABI = ABI::V3;

    /// The system calls that are refused.
    const REFUSED: &[i64] = &[
        // Files, other than those that are open.
        libc::SYS_openat,
        libc::SYS_openat2,
        libc::SYS_open_by_handle_at,
        libc::SYS_mkdirat,
        libc::SYS_mknodat,
        libc::SYS_unlinkat,
        libc::SYS_linkat,
        libc::SYS_symlinkat,
        libc::SYS_renameat2,
        libc::SYS_truncate,
        libc::SYS_fchmodat,
        libc::SYS_fchownat,
        libc::SYS_utimensat,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_chroot,
        // Networks, and what else reaches other processes.
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_shmget,
        libc::SYS_msgget,
        libc::SYS_semget,
        libc::SYS_mq_open,
        // It makes other system calls, past this list.
        libc::SYS_io_uring_setup,
        // Programs.
        libc::SYS_execve,
        libc::SYS_execveat,
        // Other processes. `tgkill` stays, by which this one aborts when its memory is used up.
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_getfd,
        libc::SYS_kill,
        libc::SYS_setns,
        libc::SYS_unshare,
        // Doors into the kernel that defects were often found in.
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_keyctl,
    ];

    /// Older names of some of them.
    #[cfg(target_arch = "x86_64")]
    const REFUSED_BESIDE: &[i64] = &[
        libc::SYS_open,
        libc::SYS_creat,
        libc::SYS_mkdir,
        libc::SYS_rmdir,
        libc::SYS_mknod,
        libc::SYS_unlink,
        libc::SYS_link,
        libc::SYS_symlink,
        libc::SYS_rename,
        libc::SYS_renameat,
        libc::SYS_chmod,
        libc::SYS_chown,
        libc::SYS_lchown,
        libc::SYS_fork,
        libc::SYS_vfork,
    ];
    #[cfg(not(target_arch = "x86_64"))]
    const REFUSED_BESIDE: &[i64] = &[];

    /// It also sets `no_new_privs`.
    pub(super) fn by_landlock() -> anyhow::Result<()> {
        let ruleset = Ruleset::default()
            .handle_access(AccessFs::from_all(LANDLOCK))?
            .handle_access(AccessNet::from_all(LANDLOCK))?
            .scope(Scope::from_all(LANDLOCK))?;
        ruleset.create()?.restrict_self()?;
        Ok(())
    }

    /// It also sets `no_new_privs`.
    pub(super) fn by_seccomp() -> anyhow::Result<()> {
        let refused = REFUSED.iter().chain(REFUSED_BESIDE);
        let filter = SeccompFilter::new(
            refused.map(|call| (*call, Vec::new())).collect(),
            SeccompAction::Allow,
            SeccompAction::Errno(Errno::PERM.raw_os_error().unsigned_abs()),
            ARCH.try_into()?,
        )?;
        let program: BpfProgram = filter.try_into()?;
        apply_filter(&program).context("refusing system calls")
    }

    pub(super) fn missing() -> Option<&'static str> {
        let seccomp = Path::new("/proc/sys/kernel/seccomp/actions_avail").exists();
        match (has_landlock(), seccomp) {
            (true, true) => None,
            (false, true) => Some("Landlock"),
            (true, false) => Some("seccomp"),
            (false, false) => Some("Landlock and seccomp"),
        }
    }

    /// Whether the kernel has all rights on files; those on networks are refused by seccomp too.
    fn has_landlock() -> bool {
        let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        let ruleset = ruleset.handle_access(AccessFs::from_all(FILES));
        ruleset.and_then(Ruleset::create).is_ok()
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs::{self, File};
    use std::io::ErrorKind::PermissionDenied;
    use std::io::{self, Write as _};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::unix::net::UnixStream;
    use std::process::Command;
    use std::{env, thread};

    use super::*;

    /// What the confined process is to confine itself by.
    const CONFINED_BY: &str = "MUSTER_TEST_CONFINED_BY";

    /// Runs the test below as a process, which confines itself.
    fn confined_process(by: &str) {
        let name = "connector::compiler::confinement::tests::the_confined_process";
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut process = Command::new(env::current_exe().unwrap());
        process.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(CONFINED_BY, by);
        process.env("PORT", listener.local_addr().unwrap().port().to_string());
        let ended = process.output().unwrap();
        let (said, failed) = (String::from_utf8(ended.stdout), String::from_utf8(ended.stderr));
        assert!(ended.status.success(), "{said:?} {failed:?}");
        assert!(said.unwrap().contains("everything was refused"));
    }

    #[test]
    fn the_compiler_opens_no_file_reaches_no_network_and_runs_no_program() {
        confined_process("both");
    }

    #[test]
    fn landlock_alone_refuses_files_and_programs() {
        // The machine may have an old kernel: the host says so when it starts.
        if missing().is_none_or(|without| !without.contains("Landlock")) {
            confined_process("landlock");
        }
    }

    #[test]
    fn seccomp_alone_refuses_everything() {
        confined_process("seccomp");
    }

    #[track_caller]
    fn refused<T>(tried: io::Result<T>) {
        assert_eq!(tried.err().map(|error| error.kind()), Some(PermissionDenied));
    }

    /// It does nothing unless the tests above have started it.
    #[test]
    fn the_confined_process() {
        let Ok(by) = env::var(CONFINED_BY) else { return };
        let port: u16 = env::var("PORT").unwrap().parse().unwrap();
        let program = env::current_exe().unwrap();
        let file = env::temp_dir().join(format!("muster-{}", std::process::id()));
        let mut open = tempfile::tempfile().unwrap();
        match by.as_str() {
            "landlock" => linux::by_landlock().unwrap(),
            "seccomp" => linux::by_seccomp().unwrap(),
            _ => confine(),
        }
        assert!(rustix::thread::no_new_privs().unwrap());
        refused(File::open(&program));
        refused(fs::read_dir("/"));
        refused(fs::write(&file, "x"));
        refused(fs::create_dir(&file));
        refused(fs::remove_file(&program));
        refused(Command::new("/proc/self/exe").spawn());
        if by != "landlock" {
            refused(TcpStream::connect(("127.0.0.1", port)));
            refused(TcpListener::bind("127.0.0.1:0"));
            refused(UdpSocket::bind("127.0.0.1:0"));
            refused(UnixStream::pair());
            let parent = rustix::process::getppid().unwrap();
            refused(rustix::process::test_kill_process(parent).map_err(Into::into));
        }
        // What a compiler needs: memory, threads, and the files that are open.
        assert_eq!(thread::spawn(|| vec![1; 1 << 24].len()).join().unwrap(), 1 << 24);
        open.write_all(b"machine code").unwrap();
        writeln!(io::stdout(), "everything was refused").unwrap();
    }
}
