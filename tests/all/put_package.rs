use fastly_package::{Content, Expect, Plugin, PutOptions, ServiceVersion, Token};
use fastly_package_emulator::{Config, Emulator, sample};

#[tokio::test]
async fn smoke() {
    let emulator =
        Emulator::start(Config { token: Some("T".into()), ..Config::default() }).await.unwrap();
    let plugin = Plugin::builder()
        .token(Token::new("T").unwrap())
        .api(emulator.url().parse().unwrap())
        .build()
        .unwrap();
    let target = ServiceVersion::new("abc", 1).unwrap();
    println!("{:?}", plugin.get_package(&target).await);
    let package =
        sample::package(sample::SampleOptions { size: Some(5_000_000), ..Default::default() });
    for expect in [Expect::Never, Expect::Always] {
        let t = std::time::Instant::now();
        let reply = plugin
            .put_package(
                &target,
                Content::from_bytes(package.clone()).unwrap(),
                PutOptions { expect },
            )
            .await
            .unwrap();
        println!("{:?} {:?}", t.elapsed(), reply);
    }
    let t = std::time::Instant::now();
    println!("{:?}", plugin.get_package(&target).await.unwrap().package.id);
    println!("{:?} conns {}", t.elapsed(), emulator.connections());
}
