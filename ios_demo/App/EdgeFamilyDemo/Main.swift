import DemoViews

@main
enum Main {
    static func main() { DemoApp.main() }
}
