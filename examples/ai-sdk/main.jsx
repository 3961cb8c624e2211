import { createRoot } from "react-dom/client";
import Page from "./app/page.jsx";

createRoot(document.getElementById("root")).render(<Page />);
