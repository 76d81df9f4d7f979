package models_test
import ("testing";"till/models";"till/models/modelstest";"fmt")
func TestZZ(t *testing.T){
 b:=modelstest.Open(t,"sqlite")
 fmt.Println(b.DB.Watch(func(s string, a []any){fmt.Println("HEARD",s)}))
 fmt.Println(models.NewOrders(b.DB).Page(t.Context(), models.OrderFilter{Limit:5}))
}
